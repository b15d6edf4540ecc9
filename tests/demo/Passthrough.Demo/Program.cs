Console.WriteLine("The demo comes here.");
