Console.WriteLine("modelport");
